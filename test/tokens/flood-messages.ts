// What the client with bad tokens is told, and what it tells.

export interface FloodOrder {
  readonly port: number;
  /** The loopback address that it calls from. */
  readonly address: string;
  readonly path: string;
  /** One for each connection. The signature is changed for each call. */
  readonly tokens: readonly string[];
  readonly perSecond: number;
}

export interface FloodReport {
  readonly sent: number;
  readonly answered: number;
  /** How many connections it has opened. */
  readonly connected: number;
}

export function isFloodOrder(value: unknown): value is FloodOrder {
  return typeof value === 'object' && value !== null && 'perSecond' in value;
}

export function isFloodReport(value: unknown): value is FloodReport {
  return typeof value === 'object' && value !== null && 'answered' in value;
}

export interface HonestOrder {
  readonly port: number;
  readonly path: string;
  /** One for each client. */
  readonly tokens: readonly string[];
}

export interface TokenReport {
  readonly durationsMs: readonly number[];
  readonly failures: readonly string[];
}

export function isHonestOrder(value: unknown): value is HonestOrder {
  return typeof value === 'object' && value !== null && 'tokens' in value && !('perSecond' in value);
}

export function isTokenReport(value: unknown): value is TokenReport {
  return typeof value === 'object' && value !== null && 'durationsMs' in value && 'failures' in value;
}
