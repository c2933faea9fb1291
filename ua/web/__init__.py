"""A phone for browsers: the page that our WebSocket server gives to who asks for one."""
