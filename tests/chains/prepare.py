"""Run by brownie: the admin scripts that open a city, one after the other in one brownie (which takes seconds
to start). Each script ends the process with its own exit code when it fails."""

from scripts import cashback, deploy, issue, programme


def main(*words: str) -> None:
    """Deploy, let the issuer issue, fill the treasury, open and fund a programme and a campaign.

    `words`: what brownie hands over: ``--``, the city, first and last day, the programme's tiers.
    """
    _, city, first_day, last_day, tiers = words
    window = ("--first-day", first_day, "--last-day", last_day, "--city", city, "--yes")
    here = ("--city", city, "--yes")
    deploy.main(city, "--yes")
    issue.allowance("--amount", "1000000000", *here)
    issue.main("--amount", "20000000", "--bank", "032", "--reference", "CITY-1", *here)
    programme.main("--label", "relief", "--tiers", tiers, "--budget", "10000000", *window)
    cashback.main("--label", "opening", "--budget", "5000000", *window)
