// What the bystander tells: how its calls went since it was last asked.

export interface BystanderReport {
  readonly calls: number;
  readonly echoes: number;
  readonly failures: readonly string[];
  readonly medianMs: number;
  readonly worstMs: number;
}

export function isReport(value: unknown): value is BystanderReport {
  return typeof value === 'object' && value !== null && 'calls' in value && 'medianMs' in value;
}
