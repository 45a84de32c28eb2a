// The messages of xds.service.orca.v3.OpenRcaService, by which a server reports its load: OrcaLoadReportRequest and OrcaLoadReport, of
// which only what a weight is made of is read (gRFC A58). Bytes in, decisions out.

import { framed } from '../grpc/message-reader.ts';
import { FIXED_64, ProtobufReader, VARINT } from '../grpc/protobuf-reader.ts';

export const LOAD_REPORT_PATH = '/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics';
/** A report has some fifty bytes. Its maps of named metrics, which nobody reads here, have room. */
export const MOST_REPORT_BYTES = 65_536;

/** What is greater than this is no number of requests and no utilization. */
const GREATEST = 1e12;

export interface LoadReport {
  /** Requests per second, failed ones included. */
  readonly rps: number;
  /** Errors per second. */
  readonly eps: number;
  /** How busy the server is: 1 is as busy as it should be. What the application says, or else that of the processor. */
  readonly utilization: number;
}

/** A framed OrcaLoadReportRequest. @param periodMs how often a report is wanted; the server may send them less often */
export function loadReportRequest(periodMs: number): Buffer {
  const seconds = Math.floor(periodMs / 1000);
  const nanos = (periodMs % 1000) * 1_000_000;
  // Duration: seconds = 1, nanos = 2.
  const duration = [...field(1, seconds), ...field(2, nanos)];
  return framed(Buffer.from([0x0a, duration.length, ...duration]));
}

function field(number: number, value: number): readonly number[] {
  return value === 0 ? [] : [number * 8 + VARINT, ...varint(value)];
}

function varint(value: number): readonly number[] {
  return value < 0x80 ? [value] : [(value % 0x80) | 0x80, ...varint(Math.floor(value / 0x80))];
}

/** The fields of OrcaLoadReport of which a weight is made, by their numbers. */
const CPU_UTILIZATION = 1;
const RPS = 3;
const RPS_FRACTIONAL = 6;
const EPS = 7;
const APPLICATION_UTILIZATION = 9;

const DOUBLES: ReadonlyMap<number, string> = new Map([
  [CPU_UTILIZATION, 'cpu_utilization'],
  [RPS_FRACTIONAL, 'rps_fractional'],
  [EPS, 'eps'],
  [APPLICATION_UTILIZATION, 'application_utilization'],
]);

/**
 * Reads an OrcaLoadReport without its prefix.
 * @returns undefined when the bytes are no such message; a text says which value is none: 'cpu_utilization: NaN'
 */
export function readLoadReport(message: Buffer): LoadReport | string | undefined {
  const reader = new ProtobufReader(message);
  const values = new Map<number, number>();
  while (!reader.isAtEnd) {
    const tag = reader.readVarint();
    if (tag === undefined) return undefined;
    const [number, wireType] = [Math.floor(tag / 8), tag % 8];
    const isDouble = wireType === FIXED_64 && DOUBLES.has(number);
    if (isDouble || (wireType === VARINT && number === RPS)) {
      const value = isDouble ? reader.readDouble() : reader.readVarint();
      if (value === undefined) return undefined;
      values.set(number, value);
    } else if (!reader.skip(wireType)) return undefined;
  }
  for (const [number, name] of [...DOUBLES, [RPS, 'rps'] as const]) {
    const value = values.get(number) ?? 0;
    // NaN fails the comparison as well.
    if (!(value >= 0 && value <= GREATEST)) return `${name}: ${value}`;
  }
  return {
    // Servers before rps_fractional have the whole number only.
    rps: values.get(RPS_FRACTIONAL) || values.get(RPS) || 0,
    eps: values.get(EPS) ?? 0,
    utilization: values.get(APPLICATION_UTILIZATION) || values.get(CPU_UTILIZATION) || 0,
  };
}
