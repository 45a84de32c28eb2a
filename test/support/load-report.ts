// Bytes of xds.data.orca.v3.OrcaLoadReport.

export interface ReportedLoad {
  readonly rps?: number;
  readonly cpu?: number;
  readonly application?: number;
  readonly eps?: number;
}

/** An OrcaLoadReport without its prefix; fields that are not given are left out. */
export function loadReportOf({ rps, cpu, application, eps }: ReportedLoad): Buffer {
  return Buffer.concat([
    doubleField(1, cpu),
    doubleField(6, rps),
    doubleField(7, eps),
    doubleField(9, application),
  ]);
}

export function doubleField(number: number, value: number | undefined): Buffer {
  if (value === undefined) return Buffer.alloc(0);
  const bytes = Buffer.alloc(9);
  bytes[0] = number * 8 + 1;
  bytes.writeDoubleLE(value, 1);
  return bytes;
}
