// What h2specd runs as the client under test, once for each case: one GET through Framegate, whose route of that path leads to
// the port of the case. Usage: client.ts PORT_OF_FRAMEGATE URL_OF_THE_CASE. The exit code says nothing: h2specd judges.

import { connect } from 'node:http2';

/** h2specd gives up after three seconds, also on the cases behind. */
const limitMs = 2500;

const [, , framegatePort, caseUrl] = process.argv;
const session = connect(`http://127.0.0.1:${framegatePort}`);
session.on('error', () => undefined);
session.on('close', () => process.exit(0));
const request = session.request({ ':path': `/${new URL(caseUrl).port}` });
request.on('error', () => undefined);
request.on('close', () => session.close());
request.resume();
setTimeout(() => session.destroy(), limitMs).unref();
