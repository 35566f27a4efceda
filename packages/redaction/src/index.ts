export { redactHeaders, redactText, redactUrl } from './redact.ts';
