// What the admin server answers to a request that reads or changes something.

export interface AdminReply {
  readonly status: number;
  /** The body, which is sent as JSON. */
  readonly body: unknown;
}
