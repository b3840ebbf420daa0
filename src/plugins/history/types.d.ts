export interface PrimusOptions {
  /** Rooms of which the client knows where it was. Default 1000. */
  knownRooms?: number;
}

export interface PrimusEvents<In = any> {
  /** The client is back in a room, and has got `count` messages that it had missed; or not
   * all of it, or has found that it has missed some, and then `whole` is false. */
  recovered: [room: string, whole: boolean, count: number];
}
