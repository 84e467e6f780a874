"""What browsers load from us: the tracker, offers as they come, the demo shop. In: requests. Out: files, streams.

`runtime/serve.py` puts these beside the collector. What the tracker sends comes back in through the collector.
"""

from shoal.web.offers import OfferHub, StreamLimits
from shoal.web.streams import Streams
from shoal.web.tracker import tracker_route

__all__ = ["OfferHub", "StreamLimits", "Streams", "tracker_route"]
