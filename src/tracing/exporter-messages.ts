// What a proxy and the process that exports its spans say to each other. The exporter reads what collectors send, so nothing that it says
// is believed unchecked.

import { mapOf, textOf } from '../config/raw-value.ts';
import type { ExporterOptions } from './span-exporter.ts';
import type { SpanCounts } from './span-queue.ts';

/** Must change whenever the meaning of a message, or of a line of spans, changes. */
export const EXPORTER_VERSION = 5;

export type ToExporter =
  /** The first message. The options hold secrets, which is why they are no arguments of the process. */
  | { readonly type: 'start'; readonly version: number; readonly options: ExporterOptions }
  /** `lines` as in SpanBatch. */
  | { readonly type: 'spans'; readonly lines: string; readonly count: number }
  /** Asks to export what is left within this time, and to end. */
  | { readonly type: 'close'; readonly mostMs: number };

export type FromExporter =
  /** The packages are loaded. */
  | { readonly type: 'ready' }
  /** The exporter cannot work, and ends. */
  | { readonly type: 'unusable'; readonly message: string }
  /** What has become of all spans that it was sent so far. */
  | ({ readonly type: 'counts' } & Readonly<SpanCounts>)
  /** A batch has failed. `code` as in ExportResult; `lost` spans are given up with it, or none if it is sent again. */
  | { readonly type: 'failing'; readonly code: string; readonly lost: number }
  /** A batch was exported after others have failed. */
  | { readonly type: 'recovered' }
  /** The collector has taken a batch without these spans. */
  | { readonly type: 'rejected'; readonly spans: number }
  /** The exporter ends by an uncaught error of this name, at these places of the program. Its text may be one of the collector. */
  | { readonly type: 'fault'; readonly name: string; readonly places: string };

const CODE = /^[\w .]{1,64}$/;
const MOST_CHARACTERS = 2000;

/** Reads a message of the proxy's own process. Undefined if this version does not know it. */
export function isToExporter(message: unknown): message is ToExporter {
  const fields = mapOf(message);
  const type = fields.get('type');
  if (type === 'start')
    return fields.get('version') === EXPORTER_VERSION && mapOf(fields.get('options')).size > 0;
  if (type === 'spans')
    return textOf(fields.get('lines')) !== undefined && countOf(fields, 'count') !== undefined;
  return type === 'close' && countOf(fields, 'mostMs') !== undefined;
}

/** @returns undefined for a message that no exporter sends */
export function readFromExporter(message: unknown): FromExporter | undefined {
  const fields = mapOf(message);
  switch (fields.get('type')) {
    case 'ready':
      return { type: 'ready' };
    case 'recovered':
      return { type: 'recovered' };
    case 'unusable':
      return { type: 'unusable', message: shortText(fields, 'message') };
    case 'fault':
      return { type: 'fault', name: shortText(fields, 'name'), places: shortText(fields, 'places') };
    case 'failing': {
      const code = textOf(fields.get('code')) ?? '';
      const lost = countOf(fields, 'lost');
      return CODE.test(code) && lost !== undefined ? { type: 'failing', code, lost } : undefined;
    }
    case 'rejected': {
      const spans = countOf(fields, 'spans');
      return spans === undefined ? undefined : { type: 'rejected', spans };
    }
    case 'counts':
      return readCounts(fields);
    default:
      return undefined;
  }
}

type Fields = ReadonlyMap<string, unknown>;

function readCounts(fields: Fields): FromExporter | undefined {
  const exported = countOf(fields, 'exported');
  const failed = countOf(fields, 'failed');
  const rejected = countOf(fields, 'rejected');
  const dropped = countOf(fields, 'dropped');
  if (exported === undefined || failed === undefined || rejected === undefined || dropped === undefined)
    return undefined;
  return { type: 'counts', exported, failed, rejected, dropped };
}

function countOf(fields: Fields, name: string): number | undefined {
  const value = fields.get(name);
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function shortText(fields: Fields, name: string): string {
  return (textOf(fields.get(name)) ?? '').slice(0, MOST_CHARACTERS);
}
