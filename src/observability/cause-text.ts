// The fields of a record that only calls with a cause have, as JSON: who blocked the call, and the code of its diagnosis.

import type { ExchangeRecord } from '../calls/exchange-record.ts';
import { recordedCode } from '../calls/recorded-code.ts';

/** The most bytes of the text. */
export const mostBytesOfCause = ',"blockedBy":"framegate","code":"FG1001"'.length;

/** @returns for example `,"blockedBy":"client"`, or '' */
export function causeText(record: Pick<ExchangeRecord, 'blockedBy' | 'endedBy' | 'reason'>): string {
  const { blockedBy } = record;
  const code = recordedCode(record);
  const blocked = blockedBy === undefined ? '' : `,"blockedBy":"${blockedBy}"`;
  return code === '' ? blocked : `${blocked},"code":"${code}"`;
}
