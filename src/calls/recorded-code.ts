// The code of the diagnosis that a record has: Framegate ended the call, and its reason begins with a token that has a page.

import { type DiagnosisCode, diagnosisCode } from '../diagnosis/codes.ts';
import type { ExchangeRecord } from './exchange-record.ts';

/** @returns for example 'FG3007', or '' if there is none */
export function recordedCode({
  endedBy,
  reason,
}: Pick<ExchangeRecord, 'endedBy' | 'reason'>): DiagnosisCode | '' {
  if (endedBy !== 'framegate') return '';
  const tokenEnd = reason.indexOf(': ');
  return tokenEnd === -1 ? '' : diagnosisCode(reason.slice(0, tokenEnd));
}
