// A case is one behaviour shown by a real client and a real service with Framegate between them.

import type { Ends, Workbench } from './workbench.ts';

export interface InteropCase {
  readonly name: string;
  /** Beyond what every case may take. */
  readonly extraSeconds?: number;
  /** Why these ends cannot run it, or undefined when they can. */
  readonly cannotRun?: (ends: Ends) => string | undefined;
  /** Rejects when the behaviour is not as it should be. */
  readonly run: (bench: Workbench) => Promise<void>;
}
