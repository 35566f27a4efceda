// Reads all that a server is made of, so that NODE_COMPILE_CACHE keeps what comes of it: docs/adr/0152.
const parts = [
  'cli/src/main.ts',
  'cli/src/commands/serve.ts',
  'cli/src/commands/node.ts',
  'jobs/src/queue.ts',
  'state/src/sqlite/state-thread.ts',
];
for (const part of parts) await import(new URL(`./packages/${part}`, import.meta.url).href);
