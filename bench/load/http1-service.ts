// Child program: the HTTP/1.1 service of bench/bridge in its own process. It sends its port to the parent and ends with the parent.

import { startService } from '../bridge/http1-load.ts';

const server = await startService(0);
const address = server.address();
if (address !== null && typeof address === 'object') process.send?.(address.port);
process.on('disconnect', () => process.exit(0));
