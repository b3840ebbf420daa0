export interface PrimusOptions {
  /** How long `sendAck` waits, in ms; false for ever. Default 30000. */
  ackTimeout?: number | false;
}

export interface Connection {
  /** Raises an event on the other side. A function at the end gets what the other side
   * acknowledges it with, if it does before the connection ends. */
  send(event: string, ...args: any[]): this;
  /** Raises an event on the other side, and waits for what it is acknowledged with. Fails
   * when that takes too long, or when the connection ends. */
  sendAck<Answer extends unknown[] = any[]>(event: string, ...args: any[]): Promise<Answer>;
}
