export interface PrimusOptions {
  /** How long `request` waits, in ms; false for ever. Default 30000. */
  requestTimeout?: number | false;
}

export interface ConnectionEvents {
  /** The other side asks for something; the first call of `respond` answers. */
  request: [data: any, respond: (answer?: any) => void];
}

export interface Connection {
  /** Asks the other side. `fn` gets the answer, if there is one before the connection ends. */
  writeAndWait(data: any, fn: (answer: any) => void): void;
  /** Asks the other side, and waits for the answer. Fails when that takes too long, or when
   * the connection ends. */
  request<Answer = any>(data: any, timeout?: number | false): Promise<Answer>;
}
