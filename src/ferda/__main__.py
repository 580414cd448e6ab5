"""`python -m ferda` is `ferda`."""

from ferda.cli.main import run

if __name__ == "__main__":
    run()
