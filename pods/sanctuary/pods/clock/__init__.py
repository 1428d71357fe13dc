"""The sanctuary clock: exchange of times and the fit over them."""
