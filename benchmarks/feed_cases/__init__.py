"""What each protocol is measured with; a new one is an entry of one of these modules."""

from benchmarks.feed_cases.files import FILES
from benchmarks.feed_cases.mobility import MOBILITY
from benchmarks.feed_cases.places import PLACES
from benchmarks.feed_cases.portals import PORTALS
from benchmarks.feed_cases.posts import POSTS

CASES = {**PORTALS, **FILES, **MOBILITY, **PLACES, **POSTS}
