// The identities of configurations that have none.

import { Identities } from '../../src/identities/identities.ts';

export const NO_IDENTITIES = new Identities({
  onFault: (error) => {
    throw error;
  },
});
