// Exit code 0 if the process in this container answers.
const port = process.env.PORT || '8085';
const answer = await fetch(`http://127.0.0.1:${port}/healthz`, { signal: AbortSignal.timeout(2_500) }).catch(() => undefined);
process.exit(answer?.status === 200 ? 0 : 1);
