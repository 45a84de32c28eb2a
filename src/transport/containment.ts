// Keeps a fault of ours inside the connection it happened in. Listeners on Node's own servers, streams and sockets are
// wrapped here: what such a listener throws ends its connection, is reported, and never reaches the top of the process.

/** The layer whose listener threw. It is the `layer` of the log line and of `framegate_contained_errors_total`. */
export const FAULT_LAYERS = [
  'listener',
  'http1_client',
  'http1_service',
  'upstream',
  'relay',
  'policy',
] as const;

export type FaultLayer = (typeof FAULT_LAYERS)[number];

/** Is told of every contained error. May not throw. */
export type FaultReporter = (layer: FaultLayer, error: unknown) => void;

export class Containment {
  readonly #layer: FaultLayer;
  readonly #report: FaultReporter;

  constructor(layer: FaultLayer, report: FaultReporter) {
    this.#layer = layer;
    this.#report = report;
  }

  /**
   * @param end closes what the event was about: its connection, or one of its streams. It is called after `listener` threw, and
   * may throw itself.
   * @returns the guarded listener, to pass to `on`, `once` or as a callback
   */
  guard<Values extends readonly unknown[]>(
    end: () => void,
    listener: (...values: Values) => void,
  ): (...values: Values) => void {
    return (...values) => {
      try {
        listener(...values);
      } catch (error) {
        this.contain(end, error);
      }
    };
  }

  /** As guard, for an action that runs now. */
  run(end: () => void, action: () => void): void {
    try {
      action();
    } catch (error) {
      this.contain(end, error);
    }
  }

  /** Reports what was thrown, and calls `end`. */
  contain(end: () => void, error: unknown): void {
    this.#report(this.#layer, error);
    try {
      end();
    } catch (secondError) {
      this.#report(this.#layer, secondError);
    }
  }
}
