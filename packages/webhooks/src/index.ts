export { callbackBody, eventBody } from './body.ts';
export { Deliverer, type DelivererOptions, type DeliveryOutcome } from './deliverer.ts';
export { type Callback, type Delivery, deliveryId } from './delivery.ts';
export { Dispatcher, type DispatcherFigures, type DispatcherOptions } from './dispatcher.ts';
export { isMeant } from './matching.ts';
export { type Receiver, WebhookSender, type WebhookSenderOptions } from './sender.ts';
export { newSecret, SIGNATURE_HEADER, signature, verifySignature } from './signature.ts';
