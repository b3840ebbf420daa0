/** The events of a stream. */
export interface SubstreamEvents<In = any> extends ConnectionEvents {
  data: [message: In];
  close: [];
  end: [];
  readyStateChange: [state: 'opening' | 'open' | 'end'];
}

/** A stream inside of the connection. */
export interface Substream<In = any, Out = any> extends EventEmitter<SubstreamEvents<In>>, Connection {
  readonly name: string;
  /** The connection; null after the end. */
  readonly stream: Primus | null;
  readonly primus: Primus;
  readonly readyState: 1 | 2 | 3;
  /** False if it has ended, or if the message is that which says so: `substream::end`. */
  write(message: Out): boolean;
  /** Ends it on both sides, after a last message. */
  end(message?: Out): this;
  pipe<T extends { write(message: any): unknown; end(): unknown }>(to: T, options?: { end?: boolean }): T;
  reserved(event: string): boolean;
}

interface Primus<In = any, Out = any> {
  /** The stream of this name, which is opened if it is not. It stays open when the
   * connection is lost and made again; the server has to open its end anew. */
  substream<In = any, Out = any>(name: string): Substream<In, Out>;
  /** Those that are open. */
  readonly streams: Readonly<Record<string, Substream>>;
}
