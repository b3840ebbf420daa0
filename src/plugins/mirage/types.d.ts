export interface PrimusOptions {
  /** The id of the session, if there is one already. */
  mirage?: string;
}

export interface PrimusEvents<In = any> {
  /** The server gave the session an id. */
  mirage: [id: string];
}

interface Primus<In = any, Out = any> {
  /** The id of the session. */
  readonly mirage?: string;
}
