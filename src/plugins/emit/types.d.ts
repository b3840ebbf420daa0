export interface Connection {
  /** Raises an event on the other side. What is the connection's own is raised here. */
  emit(event: string, ...args: any[]): boolean;
}
