// The table of clients, ports and answers in docs/clients-and-ports.md, made of the rows, so that it never says what no row proves.

import { diagnosisCode } from '../../../src/diagnosis/codes.ts';
import { type PortRow, portText } from './port-row.ts';

export const TABLE_BEGINS = '<!-- clients-ports-answers: node test/interop/ports/write-clients-table.ts -->';
export const TABLE_ENDS = '<!-- /clients-ports-answers -->';

/** Rows that differ in nothing but the port are one line. */
export function clientsTable(rows: readonly PortRow[]): string {
  const lines = new Map<string, { readonly row: PortRow; readonly ports: Set<string> }>();
  for (const row of rows) {
    const key = JSON.stringify([row.client, row.answer, row.token]);
    const line = lines.get(key) ?? { row, ports: new Set() };
    line.ports.add(portText(row));
    lines.set(key, line);
  }
  const body = [...lines.values()].map(({ row, ports }) =>
    tableLine([row.client, [...ports].join('; '), row.answer, diagnosisText(row)]),
  );
  return [tableLine(['client', 'port', 'answer', 'diagnosis']), '|---|---|---|---|', ...body].join('\n');
}

/** The page with the table in place of what stands between the two comments. */
export function withTable(page: string, rows: readonly PortRow[]): string {
  const begin = page.indexOf(TABLE_BEGINS);
  const end = page.indexOf(TABLE_ENDS);
  if (begin === -1 || end < begin) throw new Error(`the page lacks ${TABLE_BEGINS} and ${TABLE_ENDS}`);
  return `${page.slice(0, begin)}${TABLE_BEGINS}\n${clientsTable(rows)}\n${page.slice(end)}`;
}

function diagnosisText({ token }: PortRow): string {
  if (token === undefined) return '';
  const code = diagnosisCode(token);
  return `[${code}](diagnoses/${code}.md)`;
}

function tableLine(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`.replaceAll('|  |', '| |');
}
