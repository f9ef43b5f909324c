"""The health check: exit 0 when the service says that it can work."""

import http.client
import sys

connection = http.client.HTTPConnection("127.0.0.1", 8000, timeout=1.5)
try:
    connection.request("GET", "/health")
    sys.exit(connection.getresponse().status != 200)
except OSError:
    sys.exit(1)
