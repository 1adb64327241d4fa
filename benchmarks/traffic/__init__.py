"""Small and large files mixed in time: the Telegram they are sent in, and the systems that archive them."""
