"""gunicorn's settings that its command line cannot express: a question of 10,000 characters fits into an address.

gunicorn allows 8,190 bytes at most; a Chinese character takes nine in an address. The bound stays a bound.
"""

from gunicorn.http import message

message.MAX_REQUEST_LINE = 131_072
limit_request_line = 131_071

#: Seconds an idle connection stays open: longer than a browser or nginx waits before it sends the next request.
keepalive = 75
