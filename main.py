"""Entry point on AgentCore: `python main.py` serves, `agentcore dev` and uvicorn load `main:app`."""

from agent.app import open_app

app = open_app()

if __name__ == "__main__":
    app.run()
