/** What a client is made with. */
export interface PrimusOptions {
  /** Where the server is; without it, where the page is from. The path is the server's own. */
  url?: string | URL;
  /** Another name of `url`. */
  uri?: string | URL;
  /** The back-off after a connection was lost. */
  reconnect?: ReconnectOptions;
  /** How long the first connection may take, in ms; false for ever. Default 10000. */
  timeout?: number | false;
  /** How long the server may not ping, in ms; false for ever. Default: what the server says. */
  pingTimeout?: number | false;
  /** For servers before Primus 7: how often to ping them, in ms; false for never. */
  ping?: number | false;
  /** For servers before Primus 7: how long their answer may take, in ms. Default 10000. */
  pong?: number;
  /** When to connect again: a list of `disconnect`, `online` and `timeout`; false for never. */
  strategy?: string | Strategy[] | false;
  /** Whether the application calls `open` itself. */
  manual?: boolean;
  /** False: no WebSocket, where there is another way. */
  websockets?: boolean;
  /** False: the platform's `online` and `offline` are not heeded. */
  network?: boolean;
  /** How many messages may wait for a connection; then the oldest go. Default: any number. */
  queueSize?: number;
  /** What the transport wants to know. */
  transport?: TransportOptions;
  /** Of plugins. */
  [option: string]: unknown;
}

export type Strategy = 'disconnect' | 'online' | 'timeout';

export interface ReconnectOptions {
  /** The delay of the first attempt in ms. Default 500. */
  min?: number;
  /** The longest delay of the later ones in ms. Default Infinity. */
  max?: number;
  /** How many attempts there may be. Default 10. */
  retries?: number;
  /** By how much the delay grows. Default 2. */
  factor?: number;
  /** How long an attempt may take in ms. Default 30000. */
  'reconnect timeout'?: number;
}

/** Where the server has several transformers, those for one of them are by its name, as in `{ sockjs: { timeout: 5000 } }`. */
export interface TransportOptions {
  /** The constructor to be used instead of the platform's, such as that of `ws`. */
  WebSocket?: unknown;
  /** The subprotocols of a WebSocket. */
  protocols?: string | string[];
  /** engine.io: which carriers, the first to begin with; sockjs: which may be tried. */
  transports?: string | ('polling' | 'websocket' | 'xhr-streaming' | 'eventsource' | 'xhr-polling')[];
  /** engine.io: false to stay with polling. */
  upgrade?: boolean;
  /** engine.io: the revision; 3 for servers before Primus 8. Default 4. */
  protocol?: 3 | 4;
  /** engine.io, revision 3: for servers before Primus 6.1, whose polls are encoded twice. */
  doubleEncoding?: boolean;
  /** Whether requests carry cookies to other origins. */
  withCredentials?: boolean;
  /** Header fields of the requests with `fetch`. */
  extraHeaders?: Record<string, string>;
  /** sockjs: how long each transport has to open at least, in ms. Default: by the time of the first request. */
  timeout?: number;
  /** sockjs: what the paths begin with. Default: three digits by chance. */
  server?: string;
  [option: string]: unknown;
}

/** An attempt to connect again. */
export interface Attempt extends Required<ReconnectOptions> {
  /** Its number, from 1. */
  attempt: number;
  /** The delay before it in ms. */
  scheduled: number;
  /** The time since the connection was lost in ms. */
  duration: number;
  /** When it was lost, in ms since 1970. */
  start: number;
  /** Whether its delay is still running. */
  backoff: boolean;
}

/** What plugins raise on connections: on clients, and on channels inside of them. */
export interface ConnectionEvents {}

/** What plugins add to connections. */
export interface Connection {}

/** The events of a client, with the arguments of their listeners. */
export interface PrimusEvents<In = any> extends ConnectionEvents {
  open: [];
  data: [message: In, raw: string | ArrayBuffer];
  error: [error: Error & { status?: number; code?: number }];
  close: [];
  end: [];
  timeout: [];
  online: [];
  offline: [];
  destroy: [];
  readyStateChange: [state: 'opening' | 'open' | 'end'];
  'reconnect scheduled': [attempt: Attempt];
  reconnect: [attempt: Attempt];
  reconnected: [attempt: Attempt];
  'reconnect timeout': [error: Error, attempt: Attempt];
  'reconnect failed': [error: Error, attempt: Attempt];
  'outgoing::open': [];
  'outgoing::url': [options: Address];
  'outgoing::data': [packet: string | Uint8Array];
  'outgoing::end': [polite?: boolean];
  'outgoing::reconnect': [];
  'outgoing::flush': [];
  'outgoing::ping': [time: number];
  'outgoing::pong': [time: number];
  'incoming::open': [];
  'incoming::data': [packet: string | ArrayBuffer];
  'incoming::error': [error: unknown];
  'incoming::end': [error?: Error];
  'incoming::id': [id: string];
  'incoming::ping': [time: number];
}

/** Where a connection goes to. */
export interface Address {
  protocol: string;
  auth: string;
  host: string;
  port: number;
  secure: boolean;
  pathname: string;
  query: string;
}

type Listener<A extends unknown[]> = (...args: A) => void;
/** Any name that is not an event of the client's own. */
type Other<E, Events> = E extends keyof Events ? never : E;

export interface EventEmitter<Events extends { [E in keyof Events]: unknown[] } = {}> {
  on<E extends keyof Events>(event: E, listener: Listener<Events[E]>, context?: unknown): this;
  on<E extends string>(event: Other<E, Events>, listener: Listener<any[]>, context?: unknown): this;
  once<E extends keyof Events>(event: E, listener: Listener<Events[E]>, context?: unknown): this;
  once<E extends string>(event: Other<E, Events>, listener: Listener<any[]>, context?: unknown): this;
  addListener: this['on'];
  off(event: string, listener?: Listener<any[]>, context?: unknown, once?: boolean): this;
  removeListener: this['off'];
  removeAllListeners(event?: string): this;
  emit(event: string, ...args: any[]): boolean;
  listeners(event: string): Listener<any[]>[];
  listenerCount(event: string): number;
}

/** What passes through a transform. */
export interface Packet {
  data: any;
}

/** Has one parameter, or takes its time and calls `next`. */
export type Transform<T> = (this: T, packet: Packet, next: (error?: unknown, go?: false) => void) => unknown;

/** A connection. `In` are the messages of the server, `Out` those of the client. */
interface Primus<In = any, Out = any> extends EventEmitter<PrimusEvents<In>>, Connection {
  /** 1 opening, 2 closed, 3 open. */
  readonly readyState: 1 | 2 | 3;
  readonly online: boolean;
  /** False after the end. */
  readonly readable: boolean;
  readonly writable: boolean;
  /** How long the connection took, or the last ping, in ms. */
  readonly latency: number;
  /** What carries the connection. */
  readonly socket: any;
  readonly options: PrimusOptions;
  readonly transport: TransportOptions;
  readonly url: Record<string, any>;
  readonly pathname: string;
  readonly version: string;
  /** What waits to be sent. */
  buffer: Out[];

  /** Connects, now if it waits to do so again. */
  open(): this;
  /** Sends a message, or keeps it until there is a connection. False after `destroy`. */
  write(message: Out): boolean;
  /** Ends the connection for now, after a last message. */
  end(message?: Out): this;
  /** Ends it for good and frees what it holds. */
  destroy(): boolean;
  /** Asks for the id of the spark. */
  id(callback: (id: string) => void): this;
  isOnline(): boolean;
  /** Writes what comes to a writable stream. */
  pipe<T extends { write(message: any): unknown; end(): unknown }>(to: T, options?: { end?: boolean }): T;
  /** Changes or stops messages on their way. */
  transform(type: 'incoming' | 'outgoing', transform: Transform<this>): this;
  transforms(primus: Primus, connection: any, type: 'incoming' | 'outgoing', data: any, raw?: any): this;
  /** A function that emits an event. */
  emits(event: string, ...args: any[]): (...args: any[]) => boolean;
  /** Whether an event is the client's own. */
  reserved(event: string): boolean;
  /** The client half of a plugin, or of all by name. */
  plugin(name: string): Function | undefined;
  plugin(): Record<string, Function>;
  critical(error: Error): this;
  clone<T extends object>(value: T): T;
  merge<T extends object, U extends object[]>(target: T, ...sources: U): T & U[number];
  parse(url: string): Record<string, any>;
  querystring(query: string): Record<string, string>;
  querystringify(query: object, prefix?: string | boolean): string;
  uri(options: { protocol: string; query?: boolean; object: true }): Address;
  uri(options: { protocol: string; query?: boolean; object?: false }): string;
  encoder(this: Primus, message: Out, done: (error: unknown, packet?: string | Uint8Array) => void): void;
  decoder(this: Primus, packet: string | ArrayBuffer, done: (error: unknown, message?: In) => void): void;
  initialise(options: PrimusOptions): this;
  client(): void;
  ark: Record<string, Function>;
}

export interface PrimusStatic {
  new <In = any, Out = any>(url?: string | URL, options?: PrimusOptions): Primus<In, Out>;
  new <In = any, Out = any>(options: PrimusOptions): Primus<In, Out>;
  <In = any, Out = any>(url?: string | URL, options?: PrimusOptions): Primus<In, Out>;
  <In = any, Out = any>(options: PrimusOptions): Primus<In, Out>;
  connect<In = any, Out = any>(url?: string | URL | PrimusOptions, options?: PrimusOptions): Primus<In, Out>;
  readonly prototype: Primus;
  readonly EventEmitter: new () => EventEmitter;
  readonly Stream: new () => EventEmitter & Pick<Primus, 'pipe'>;
  readonly OPENING: 1;
  readonly CLOSED: 2;
  readonly OPEN: 3;
}

declare const Primus: PrimusStatic;
export { Primus as default, Primus as __NAME__ };
