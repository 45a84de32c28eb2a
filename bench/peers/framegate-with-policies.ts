// Framegate with three policies that only read: node framegate-with-policies.ts CONFIG TIMES
// One reads a header field of each kind of call, one a header field of each call, one the head of each response. If TIMES is 0, there are
// no policies.

import type { AdmittedCall, HeaderEdit, Policy, RequestKind } from '../../src/calls/policy.ts';
import { Proxy } from '../../src/control/proxy.ts';
import type { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { LogDestination } from '../../src/observability/log-destination.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { DataPlane } from '../../src/plane/data-plane.ts';
import type { PolicyKind } from '../../src/policies/policy-kinds.ts';
import { loadAndVerify } from '../../src/sources/load-configuration.ts';

let seen = 0;

const DECIDES: Policy = {
  key: 'decides',
  reads: ['user-agent'],
  decide(kind: RequestKind): undefined {
    seen += kind.header('user-agent')?.length ?? 0;
  },
};

const ASKS: Policy = {
  key: 'asks',
  ask(call: AdmittedCall): undefined {
    seen += call.header('authorization')?.length ?? 0;
  },
};

const RESPONDS: Policy = {
  key: 'responds',
  respond(fields: HeaderList, _edit: HeaderEdit): void {
    seen += fields.length;
  },
};

const [, , file = '', times = '0'] = process.argv;
const loaded = loadAndVerify(file);
if ('problems' in loaded) throw new Error(loaded.problems.map(({ message }) => message).join('; '));
const { config } = loaded;
const policyKinds: readonly PolicyKind[] =
  Number(times) === 0
    ? []
    : [DECIDES, ASKS, RESPONDS].map((policy) => (route) => (route === undefined ? undefined : policy));
const destination = new LogDestination({ fd: 1 });
const logger = createLogger(config.log, destination);
const plane = new DataPlane({ config, logger, destination, policyKinds });
const proxy = await Proxy.start(plane, config, logger);
process.once('SIGTERM', () => {
  logger.info({ seen }, 'what the policies have looked at');
  void proxy
    .drain()
    .then(() => destination.close())
    .then(() => process.exit());
});
