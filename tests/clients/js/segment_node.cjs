// Five calls by @segment/analytics-node. Arguments: where to, and the write key. Prints the message ids it sent.
const { Analytics } = require('@segment/analytics-node')

const [url, writeKey] = process.argv.slice(2)
const analytics = new Analytics({ writeKey, host: url, flushAt: 5, flushInterval: 200 })
const sent = []
const failed = []
analytics.on('error', (error) => failed.push(String(error.reason || error.code)))
const note = (error, context) => (error ? failed.push(String(error)) : sent.push(context.event.messageId))

analytics.identify({ userId: 'ann', traits: { plan: 'pro' } }, note)
analytics.track({ userId: 'ann', event: 'Order Completed', properties: { revenue: 39.9 } }, note)
analytics.page({ userId: 'ann', name: 'Home' }, note)
analytics.group({ userId: 'ann', groupId: 'acme', traits: { size: 5 } }, note)
analytics.alias({ userId: 'ann', previousId: 'anonymous-1' }, note)
analytics.closeAndFlush({ timeout: 60000 }).then(() => console.log(JSON.stringify({ sent, failed })))
