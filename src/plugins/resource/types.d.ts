/** An object of the server's, whose methods can be called: those of the class `Methods`. */
export type Resource<Methods extends object = Record<string, (...args: any[]) => void>> = Methods & Callable;

export interface Callable extends EventEmitter<{ ready: [name: string, methods: string[]] }> {
  readonly name: string;
  /** What carries the calls. */
  readonly stream: Connection;
  /** Calls a method, and waits for what it acknowledges. */
  call<Answer extends unknown[] = any[]>(method: string, ...args: any[]): Promise<Answer>;
}

interface Primus<In = any, Out = any> {
  /** The object of this name. Its methods are there after its event `ready`; `call` does not
   * wait for that. Without multiplex: on the connection itself, as the server must have it. */
  resource<Methods extends object = Record<string, (...args: any[]) => void>>(name: string, multiplex?: boolean): Resource<Methods>;
}
