"""What scored nights look like, in figures of `night_measures`.

From the consensus of five scorers on the nights of the 25 healthy sleepers of DOD-H (Guillot et al. 2020,
MIT).
"""

REAL_QUARTERS = {
    "sleep latency min": (7.50, 13.0, 24.5),
    "sleep efficiency %": (82.7, 90.4, 93.6),
    "WASO min": (19.5, 26.5, 55.5),
    "N1 share %": (4.96, 6.75, 8.58),
    "N2 share %": (47.9, 53.5, 60.3),
    "N3 share %": (12.5, 17.3, 23.3),
    "R share %": (18.6, 22.9, 25.5),
    "W bouts per h": (2.17, 2.91, 3.97),
    "W bout mean min": (1.00, 1.30, 1.79),
    "W bout longest min": (3.00, 4.50, 11.5),
    "N1 bouts per h": (3.26, 4.32, 5.29),
    "N1 bout mean min": (0.79, 0.91, 1.02),
    "N2 bouts per h": (3.72, 4.50, 6.26),
    "N2 bout mean min": (5.26, 7.22, 9.00),
    "N3 bouts per h": (0.71, 1.23, 1.80),
    "N3 bout mean min": (4.56, 7.95, 12.6),
    "R bouts per h": (0.71, 0.92, 1.19),
    "R bout mean min": (10.9, 15.2, 16.8),
    "W to N1 %": (23.5, 35.4, 43.6),
    "N1 to W %": (7.53, 10.0, 11.8),
    "N1 to N2 %": (33.3, 40.2, 51.3),
    "N2 to W %": (1.53, 2.20, 2.64),
    "N2 to N1 %": (1.19, 2.03, 2.74),
    "N2 to N3 %": (1.05, 1.72, 2.62),
    "N2 to R %": (0.76, 1.02, 1.28),
    "N3 to N2 %": (2.84, 4.53, 7.72),
    "R to W %": (1.32, 1.44, 2.44),
    "REM latency min": (87.0, 109.5, 161.0),
    "cycle mean min": (95.8, 113.8, 136.3),
    "cycle spread min": (16.2, 28.0, 41.0),
    "cycle 1 min": (101.0, 130.0, 183.5),
    "cycle 2 min": (91.0, 105.5, 130.5),
    "cycle 3 min": (87.9, 102.2, 113.9),
    "cycle 4 min": (77.6, 95.0, 106.2),
    "REM period 1 min": (9.50, 14.5, 20.5),
    "REM period 2 min": (15.5, 20.5, 32.0),
    "REM period 3 min": (17.0, 24.0, 34.1),
    "REM period 4 min": (23.9, 28.8, 46.9),
}
"""First quartile, median and third quartile across the nights that have the figure."""

REAL_SHARED_REM_MIN = 22.9
"""Minutes that two of those sleepers, who never met, would have been in REM together: mean over all 300
pairs, with lights out at the same moment."""

REAL_HOURS = 8.3
"""Mean length of their recordings."""
