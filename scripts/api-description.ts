import { startStreampool } from '@streampool/testkit';

// Prints what a server of this revision says of its API.
const server = await startStreampool();
try {
  const response = await fetch(`${server.url}/openapi.json`);
  if (!response.ok) throw new Error(`/openapi.json answered ${response.status}`);
  process.stdout.write(await response.text());
} finally {
  await server.stop();
}
