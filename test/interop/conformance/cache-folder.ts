// Where the suites' programs are kept from run to run: outside the work tree, so that a fresh clone finds them too.

import { homedir } from 'node:os';
import { join } from 'node:path';

export const cacheFolder: string = join(
  process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'),
  'framegate-interop',
);
