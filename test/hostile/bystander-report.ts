// What the bystander is told, and what it tells: how its calls went since it was last asked.

export interface BystanderStart {
  /** Of the proxy. */
  readonly port: number;
  /** Its processes. */
  readonly pids: readonly number[];
}

export interface BystanderReport {
  readonly calls: number;
  readonly echoes: number;
  readonly failures: readonly string[];
  /** How long calls took, without the time for which the proxy and the bystander were ready to run and others had the processor. */
  readonly medianMs: number;
  readonly worstMs: number;
}

export function isReport(value: unknown): value is BystanderReport {
  return typeof value === 'object' && value !== null && 'calls' in value && 'medianMs' in value;
}

export function isStart(value: unknown): value is BystanderStart {
  return typeof value === 'object' && value !== null && 'port' in value && 'pids' in value;
}
