/** Invented people. What each may see follows from the label policy and the labels of the two products. */
export const PEOPLE = [
  {
    id: 'p.ortega',
    name: 'P. Ortega, GEOINT cell',
    clearance: 'TOP SECRET',
    caveats: ['AZURE'],
    nationality: 'USA',
    organisation: 'GEOINT cell',
    domain: 'geoint',
  },
  {
    id: 's.analyst',
    name: 'S. Analyst, all-source cell',
    clearance: 'SECRET',
    caveats: [],
    nationality: 'USA',
    organisation: 'All-source cell',
  },
  {
    id: 'c.tremblay',
    name: 'C. Tremblay, coalition liaison with release',
    clearance: 'SECRET',
    caveats: [],
    nationality: 'CAN',
    organisation: 'Coalition liaison',
  },
  {
    id: 'f.moreau',
    name: 'F. Moreau, coalition liaison without release',
    clearance: 'SECRET',
    caveats: [],
    nationality: 'FRA',
    organisation: 'Coalition liaison',
  },
  {
    id: 'o.keeper',
    name: 'O. Keeper, who runs the enclave',
    clearance: 'UNCLASSIFIED',
    caveats: [],
    nationality: 'USA',
    organisation: 'Enclave operations',
    operator: true,
  },
] as const

export type PersonId = (typeof PEOPLE)[number]['id']

export const IMAGERY = 'geoint/imagery-annotation-layer'
/** TOP SECRET: the SECRET analyst must not learn that it exists. */
export const DENIED_AREA = 'geoint/denied-area-activity'
