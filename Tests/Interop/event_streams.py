"""Reading a stream of server-sent events, as the HTML standard has it."""

import threading

from gateway import await_that


class Event:
    """An event: its type, its data, and the id that is the last one behind it."""

    def __init__(self, type, data, id):
        self.type, self.data, self.id = type, data, id

    def __repr__(self):
        return f"<{self.type} {self.id} {self.data}>"


class Stream:
    """A stream of events that a thread reads, line by line."""

    def __init__(self, gateway, path, headers=None, number=0, expect=200):
        self.connection = gateway.connect(number)
        self.connection.timeout = 120
        self.connection.request("GET", path, headers={"Accept": "text/event-stream", **(headers or {})})
        self.response = self.connection.getresponse()
        self.socket = self.connection.sock or self.response.fp.raw._sock
        assert self.response.status == expect, (self.response.status, self.response.read())
        self.events, self.comments, self.id, self.begins, self.is_over, self.error = [], 0, None, None, False, None
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        type, data = "message", []
        try:
            for line in self.response:
                line = line.decode().rstrip("\n")
                if not line:
                    if data:
                        self.events.append(Event(type, "\n".join(data), self.id))
                    type, data = "message", []
                elif line.startswith(":"):
                    self.comments += 1
                else:
                    field, _, value = line.partition(": ")
                    if field == "id":
                        self.id = value
                        self.begins = self.begins or value
                    elif field == "event":
                        type = value
                    else:
                        assert field == "data", line
                        data.append(value)
        except Exception as error:
            self.error = error
        self.is_over = True

    def wait(self, count):
        """Waits for so many events in all, and gives the last of them."""
        await_that(lambda: len(self.events) >= count or self.is_over, lambda: f"{count} events, got {self.events}")
        assert len(self.events) >= count, (self.events, self.error)
        return self.events[count - 1]

    def wait_begin(self):
        await_that(lambda: self.begins, "the beginning")
        return self.begins

    def wait_end(self):
        await_that(lambda: self.is_over, "the end of the stream")
        return self.error

    def close(self):
        self.socket.shutdown(2)
        self.thread.join(60)
        self.connection.close()
