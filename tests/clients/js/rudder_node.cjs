// Five calls by @rudderstack/rudder-sdk-node. Arguments: where to, and the write key. Prints the message ids it sent.
const { randomUUID } = require('crypto')
const RudderAnalytics = require('@rudderstack/rudder-sdk-node')

const [url, writeKey] = process.argv.slice(2)
const analytics = new RudderAnalytics(writeKey, { dataPlaneUrl: url, flushAt: 5, flushInterval: 200 })
const sent = []
const failed = []
const calls = {
  identify: { traits: { plan: 'pro' } },
  track: { event: 'Order Completed', properties: { revenue: 39.9 } },
  page: { name: 'Home' },
  group: { groupId: 'acme', traits: { size: 5 } },
  alias: { previousId: 'anonymous-1' },
}

for (const [kind, said] of Object.entries(calls)) {
  const messageId = randomUUID()
  analytics[kind]({ userId: 'ann', messageId, ...said }, (error) => {
    if (error) failed.push(String(error))
    else sent.push(messageId)
    if (sent.length + failed.length === 5) console.log(JSON.stringify({ sent, failed }))
  })
}
