// To be loaded in front of the proxy by --import: names are asked of the server in FRAMEGATE_TEST_NAME_SERVER, which never
// answers, and not of the machine's. Nothing outside of the process can do that.

import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';

const server = process.env['FRAMEGATE_TEST_NAME_SERVER'];
if (server === undefined) throw new Error('FRAMEGATE_TEST_NAME_SERVER is not set');
const address: string = server;

dns.Resolver = class extends dns.Resolver {
  constructor(options?: dns.ResolverOptions) {
    super(options);
    this.setServers([address]);
  }
};
syncBuiltinESMExports();
