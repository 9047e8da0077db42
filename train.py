"""Entry point of a SageMaker training job in script mode; elsewhere `python -m agent.train` is the same."""

from agent.train import main

if __name__ == "__main__":
    main()
