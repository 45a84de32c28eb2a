// Loaded in front of the process under a soak: SIGUSR2 collects its garbage and moves what is left together, so that the
// resident memory is what it holds. After an ordinary collection V8 keeps half-empty pages, more of them after each larger burst.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect: unknown = runInNewContext('gc');

process.on('SIGUSR2', () => {
  if (typeof collect === 'function') collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
});
