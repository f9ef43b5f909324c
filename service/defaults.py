"""What holds when nothing else is said; the health check imports this and nothing heavier."""

CONFIG_PATH = "/app/config/config.json"
CONFIG_VARIABLE = "X402_CONFIG"
PORT = 3000
