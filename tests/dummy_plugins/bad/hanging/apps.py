"""Never finishes being imported."""

import time

while True:
    time.sleep(0.05)  # an endless loop that leaves the processor to the other tests
