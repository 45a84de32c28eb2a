// One row of the table "client, port, answer": what docs/clients-and-ports.md says of it, and the real client that proves it.

import type { DiagnosisToken } from '../../../src/diagnosis/codes.ts';
import type { RowBench } from './row-bench.ts';
import type { Tool } from './tools.ts';

/** The listeners of the configuration, and what that page calls them. */
export const PORTS = {
  tls: 'TLS',
  plaintext: 'plaintext',
  'tls-accept': 'TLS, `mismatch: accept`',
  'tls-close': 'TLS, `mismatch: close`',
  'plaintext-close': 'plaintext, `mismatch: close`',
  'tls-proxied': 'TLS, `proxyProtocol`',
  'plaintext-proxied': 'plaintext, `proxyProtocol`',
} as const;

export type PortName = keyof typeof PORTS;

interface RowText {
  readonly client: string;
  readonly port: PortName;
  /** What the route leads to, where that is what is wrong. */
  readonly towards?: string;
  readonly answer: string;
  /** The diagnosis in log and admin API; without one the row also holds that no client was refused. */
  readonly token?: DiagnosisToken;
}

export interface ProvenRow extends RowText {
  /** Tells rows apart that are one in the table. */
  readonly variant?: string;
  readonly needs: readonly Tool[];
  /** Rejects when the client got something else. */
  readonly run: (bench: RowBench) => Promise<void>;
}

/** A row that `npm run test:browser` proves. */
export interface RowElsewhere extends RowText {
  /** `file` of test/browser/page/cases, and what it calls the case, or the beginning of that. */
  readonly provenByCase: { readonly file: string; readonly name: string };
}

export type PortRow = ProvenRow | RowElsewhere;

export function rowName(row: PortRow): string {
  const client = 'variant' in row ? `${row.client} (${row.variant})` : row.client;
  return `${client} on ${portText(row)}: ${row.answer}`.replaceAll('`', '');
}

export function portText({ port, towards }: PortRow): string {
  return towards === undefined ? PORTS[port] : `${PORTS[port]}, to ${towards}`;
}
