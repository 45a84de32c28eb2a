// Reads deploy/grafana/framegate.json as Grafana does.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface PanelInFile {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: { readonly uid: string };
  readonly fieldConfig?: {
    readonly defaults: {
      readonly unit: string;
      readonly thresholds: { readonly steps: readonly { readonly value: number | null }[] };
    };
  };
  readonly targets?: readonly {
    readonly refId: string;
    readonly expr: string;
    readonly legendFormat: string;
    readonly datasource: { readonly uid: string };
  }[];
}

export interface DashboardInFile {
  readonly uid: string;
  readonly schemaVersion: number;
  readonly panels: readonly PanelInFile[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string; readonly definition?: string }[];
  };
  readonly annotations: { readonly list: readonly { readonly name: string; readonly expr: string }[] };
}

export const dashboardFileText = readFileSync(
  join(import.meta.dirname, '../../deploy/grafana/framegate.json'),
  'utf8',
);

export function readDashboard(): DashboardInFile {
  const dashboard: DashboardInFile = JSON.parse(dashboardFileText);
  return dashboard;
}
