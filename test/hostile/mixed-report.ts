// What the honest clients of mixed traffic tell: how long their answers took, and what failed, since they were last asked.

export const KINDS = ['unary', 'stream', 'http1', 'websocket'] as const;
export type Kind = (typeof KINDS)[number];

export interface HonestReport {
  readonly durationsMs: Readonly<Record<Kind, readonly number[]>>;
  readonly failures: readonly string[];
}

export function isHonestReport(value: unknown): value is HonestReport {
  return typeof value === 'object' && value !== null && 'durationsMs' in value && 'failures' in value;
}
