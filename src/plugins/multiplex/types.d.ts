/** The events of a channel: those of the connection, and its own. */
export interface ChannelEvents<In = any> extends Omit<PrimusEvents, 'data' | `incoming::${string}` | `outgoing::${string}`> {
  data: [message: In];
}

/** A channel inside of the connection. */
export interface Channel<In = any, Out = any> extends EventEmitter<ChannelEvents<In>>, Connection {
  /** What tells it from others of the same name. */
  readonly id: string;
  /** Its name. */
  readonly channel: string;
  readonly primus: Primus;
  readonly readyState: 1 | 2 | 3;
  /** False after the end. */
  readonly writable: boolean;
  /** False if it has ended. */
  write(message: Out): boolean;
  /** Ends it on both sides, after a last message. */
  end(message?: Out): this;
  reserved(event: string): boolean;
}

interface Primus<In = any, Out = any> {
  /** Opens a channel, another one each time. It stays open until one side ends it. */
  channel<In = any, Out = any>(name: string): Channel<In, Out>;
}
