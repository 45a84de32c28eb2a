// A case of the dashboard in the browser, and what it is given.

import type { Browser } from 'playwright-core';
import type { GeneratedCertificates } from '../../../certs/generate.ts';

export interface DashboardContext {
  readonly browser: Browser;
  readonly certificates: GeneratedCertificates;
  /** Empty, for this case only. */
  readonly folder: string;
  /** Where the pictures of the documentation go; undefined if they stay as they are. */
  readonly pictures: string | undefined;
  /** Called at the end of the case, the last one first. */
  readonly after: (end: () => Promise<void> | void) => void;
}

export interface DashboardCase {
  readonly name: string;
  readonly run: (context: DashboardContext) => Promise<void>;
}
